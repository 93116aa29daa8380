"""Raw acceleration to wear, activity, walking bouts and their aggregates."""
