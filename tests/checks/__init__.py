"""A package: what is imported from here is then what pytest collects, and not made a second time."""
