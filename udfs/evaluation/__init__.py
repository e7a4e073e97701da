"""How good a model is: by class, by group of callers, under a call's conditions, and how surely."""
