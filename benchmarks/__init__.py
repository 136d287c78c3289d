"""xw's costs, as ratios to a baseline that runs in the same minute: `make bench`.

Absolute times drift from machine to machine and from hour to hour; ratios to a bare system call or a bare
Python start do not.
"""
