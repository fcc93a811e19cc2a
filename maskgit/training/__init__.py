"""Both training stages of the paper: the tokenizer, then masked visual token modelling.

Read in this order:
    recipes         what is trained, with which numbers
    data            pictures and labels of any layout; which ones a step sees
    pictures        how they are kept in memory
    sources         tar shards, Hugging Face datasets
    losses          the objectives
    discriminator   who tells patches of pictures from those of reconstructions
    perceptual      how different two pictures look
    muon            an optimizer of matrices
    run             one resumable run: devices, checkpoints, log, samples
    sharding        weights spread over processes
    codebook        what keeps the codes in use
    tokenizer_step  one step of stage 1
    tokenizer       stage 1
    tokens          pictures as tokens, computed once
    transformer     stage 2
    fine_tuning     beginning at a model that is there
    commands        the command line
"""
