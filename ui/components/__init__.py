"""What Streamlit does not have: each part with its CSS and JavaScript in files beside it."""
