-- A feature's name is lowercase ASCII, at most 63 characters, starts with its family and ends with its window.
select name
from {{ ref('dim_features') }}
where
    not regexp_full_match(name, '[a-z][a-z0-9]*(_[a-z0-9]+)*(__[a-z0-9]+(_[a-z0-9]+)*)+')
    or length(name) > 63
    or not starts_with(name, domain || '_')
