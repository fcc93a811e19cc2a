"""The editor as a person meets it: the real page, the real model, a real Chromium."""
