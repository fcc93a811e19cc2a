"""Both training stages of the paper: the tokenizer, then masked visual token modelling.

Read in this order:
    recipes         what is trained, with which numbers
    data            pictures and labels in memory; which ones a step sees
    losses          the objectives
    run             one resumable run: devices, checkpoints, log, samples
    tokenizer       stage 1
    transformer     stage 2
"""
