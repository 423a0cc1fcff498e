"""One run of an operation: a plan, its parts on disk, progress, cancel.

What is left to do is what is missing: a part that exists is complete, and there is no second record of progress.
"""
