-- How far visits have followed landing.
select behind_seconds, pending, incomplete_before from visits_progress
