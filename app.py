"""Start the editor: `python app.py`, then open the address it prints. See `--help`."""

from app.launch import main

if __name__ == "__main__":
    main()
