"""Migrate: publish new and changed raw files that pass validation into the validated zone."""
