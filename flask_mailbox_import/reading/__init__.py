"""From the bytes of a file to checked rows; opens no connection and no database."""
