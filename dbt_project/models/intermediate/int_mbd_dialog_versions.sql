-- one row a raw file and month with dialogues; key: file, feature_month
-- A month is projected with the newest version that was fitted before its row becomes known.
with files as (
    select * from {{ ref('int_mbd_dialog_files') }}
),

fits as (
    select
        version,
        fitted_until,
        sum(hash(kind, position, vector)) as content,
    from {{ ref('int_mbd_dialog_fits') }}
    group by version, fitted_until
),

months as (
    select
        files.feature_month,
        max(fits.version) as dialog_version,
        arg_max(fits.content, fits.version) as fit_content,
    from files
    left join fits on {{ known_at('files.feature_month', 'mbd') }} >= fits.fitted_until
    group by files.feature_month
)

select
    files.file,
    files.feature_month,
    files.events,
    files.customers,
    hash(files.content, months.dialog_version, months.fit_content, '{{ local_md5(tojson(almanac_spec("int_mbd_dialog_fits"))) }}') as content,
    months.dialog_version,
from files
inner join months on files.feature_month = months.feature_month
