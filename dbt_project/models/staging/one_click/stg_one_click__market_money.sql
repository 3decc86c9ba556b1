-- one row a customer and month of revenue; key: customer_id, feature_month
{{ one_click_period_rows('market_money', 'Выручка', 'revenue', signed=true) }}
