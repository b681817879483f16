"""What happens in which order: one readable Prefect flow a file, and the steps they share."""
