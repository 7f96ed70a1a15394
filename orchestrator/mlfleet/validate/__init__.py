"""The harness held against truths: equal services, counted work, canaries. Run by users on their own hosts."""
