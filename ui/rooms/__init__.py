"""Rooms: a class votes on a lecturer's questions, as in peer instruction (Crouch and Mazur 2001).

`store` keeps the rooms in memory. `students_page` serves the students' page, which is small and needs no Streamlit session.
`lecturer_panel` and `tally_board` are the lecturer's widgets.
"""
