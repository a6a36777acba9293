"""Private numerical kernels on torch: in blocks, on CPU or CUDA, for single and half precision.

Import what is needed from the modules, inside the function that needs it: torch takes a second to
import, and a strategy that reads probabilities only can do without.
"""
