"""What the pages and notebooks of the course are made of, and what knows nothing of its subject.

Colours, numbers as they are written, figures, tables, published tables, quizzes, and the answers of blanks.
"""
