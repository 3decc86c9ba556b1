-- one row a line of the shop's customers that may be about others than its id says; key: file, line_number
-- It could not be divided into fields, so any id may stand in it, or its id has blanks or control characters around it.
select
    _file as file,
    _row as line_number,
    case when _error is null then {{ almanac_folded_id('id') }} end as source_id,
    case when _error is null then {{ almanac_code('consent', '"Разрешить сообщать"') }} end as consent,
    case when _error is not null then {{ almanac_folded_id('_line') }} end as line,
from {{ source('one_click', 'market_file') }}
where _error is not null or {{ almanac_folded_id('id') }} <> trim(id)
