-- one row a customer and month of minutes on the site; key: customer_id, feature_month
{{ one_click_period_rows('market_time', 'минут', 'minutes') }}
