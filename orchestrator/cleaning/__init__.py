"""What a storage can do without: states of finished trainings, files of dead writers, artifacts that no sweep names."""
