"""What joins the app to other packages; each is imported by those only who have the package."""
