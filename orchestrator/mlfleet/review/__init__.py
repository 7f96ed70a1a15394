"""Somebody else's table of results before the gates: which ratios it could defend, which not, and why.

table = read_table(path, known)      # strict; line and column of whatever cannot be read
review = review_table(table)         # pure: claims with their refusals, never a number for a refused ratio
render_terminal(review, console)     # or review_json(review)
"""

from mlfleet.review.claims import Claim, Review, review_table
from mlfleet.review.known import Known, read_known
from mlfleet.review.printed import render_terminal, review_json, sentence
from mlfleet.review.reading import read_table

__all__ = [
    "Claim",
    "Known",
    "Review",
    "read_known",
    "read_table",
    "render_terminal",
    "review_json",
    "review_table",
    "sentence",
]
