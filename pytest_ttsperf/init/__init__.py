"""A first test for whatever speaks here, and limits that fit the tests there are."""
