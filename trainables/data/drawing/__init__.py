"""How a synthetic chest radiograph is drawn: anatomy, thorax, findings, film, and the truth behind it."""
