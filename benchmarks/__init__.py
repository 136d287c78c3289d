"""What xw costs, as ratios beside a baseline that runs in the same minute: `make bench`.

Absolute times drift from machine to machine and from hour to hour; how many
times a bare system call or a bare Python start-up something takes does not.
"""
