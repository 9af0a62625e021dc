"""The pictures: one module a kind, for the report and for MLflow alike. Each draws on a figure that it is given.

`draw_...(figure, data)` draws one panel on a `Figure` or a part of one (`SubFigure`); the report shows panels one by one,
so that they wrap on a narrow screen. `..._figure(data)` puts panels together into one picture for a file.
"""
