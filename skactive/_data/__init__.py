"""Private helpers for rows and labels: containers, keys, batches, tables, images, Pipelines."""
