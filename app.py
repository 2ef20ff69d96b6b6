"""The app: page config and navigation, nothing else."""

import streamlit as st

import ui

st.set_page_config(page_title="VICReg, seen", page_icon=":material/hub:", layout="wide")
ui.navigation().run()
ui.foot()
