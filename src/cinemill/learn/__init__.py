"""Examples -> weights; today: moving pictures without photographs, and the damage of tape."""
