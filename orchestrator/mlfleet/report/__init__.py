"""Reports: pure folds over records; the only place that formats."""
