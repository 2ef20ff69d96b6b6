"""Rooms: a class votes on a lecturer's questions, as in peer instruction (Crouch and Mazur 2001).

`store` keeps the rooms in memory. `door` serves the students' page, which is small and needs no Streamlit session.
`lobby` and `board` are the lecturer's widgets.
"""
