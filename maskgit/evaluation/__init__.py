"""Judging a model: how good its pictures are, measured the same way each time.

Read in this order:
    classifier      the small network that judges where Inception cannot be had
    extractors      who looks at pictures; figures of two of them never mix
    metrics         the formulas
    pictures        which pictures a model is judged on
    sampling        many generated pictures, the same on any number of processes
    reconstruction, generation, editing, large_holes, regions, swaps, ablation
                    what is measured
    curves          the logs of trainings as plots
    report, plot, sheets
                    how it is kept and shown
    bench, parts    a request, and the five measurements from it to a report
    commands        `python -m maskgit evaluate`

docs/evaluation.md says what each figure means.
"""
