"""What the later chapters add to the subject: an experiment, weights from elsewhere, training, segmentation, shipping.

Each module is one topic, and imports of the others only those that its row in the tests' table names.
"""
