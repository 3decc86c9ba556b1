-- one row a month with positions; key: feature_month
select
    feature_month,
    any_value(month_version) as month_version,
from {{ ref('int_mbd_geo_cells') }}
group by feature_month
