"""Words and frozen values that every other wing uses: no input, no output, no database."""
