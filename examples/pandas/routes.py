"""The routes of the last week, as a DataFrame of pandas. pip install pandas sqlalchemy "psycopg[binary]" """

import os

import pandas
from sqlalchemy import create_engine, text

DSN = os.environ["FOOTFALL_POSTGRES_DSN"].replace("postgresql://", "postgresql+psycopg://", 1)
QUERY = text("""
    select day, route, country, coalesce(session_key, visitor_key) as visit
    from footfall.page_views
    where day >= current_date - cast(:days as int) and bot is null
""")

with create_engine(DSN).connect() as connection:
    views = pandas.read_sql(QUERY, connection, params={"days": 7}, parse_dates=["day"])

routes = views.groupby("route", dropna=False).agg(views=("visit", "size"), visits=("visit", "nunique"))
print(routes.sort_values("views", ascending=False).to_csv())
