"""Private numerical kernels on torch: computed in blocks, on CPU or GPU.

Import a kernel inside the function that uses it. Importing torch takes about a second, and
strategies that use probabilities only do not need it.
"""
