-- one row a feature that a family declares, whether its source is here or not; key: name
with declared as (
    {{- feature_rows() }}
)

select * from declared
