"""What the app adds to Streamlit's web server: headers, limits and a log. Loaded before the first visitor, without `ui`."""
