"""The life of an import: check, stage, run, retry, cancel, continue; its limits and its runner."""
