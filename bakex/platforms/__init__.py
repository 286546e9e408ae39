"""What bakex knows about processors, and what files say about the one that they are made for.

Pure: the data comes in as documents, the files as bytes; `bakex.api.platforms` reads both.
"""
