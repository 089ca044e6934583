-- What a database of release 0.1 held: something in each of its tables. @config@ is a monitor's config,
-- encrypted; @hash@ a password's.
INSERT INTO organizations (id, public_id, name, language, time_zone, alert_consecutive_checks, recovery_consecutive_checks, alert_location_threshold_count, alert_reminder_minutes, created_at, updated_at)
VALUES (1, '10000000000040008000000000000001', 'Grüße & Söhne', 'de', 'Europe/Berlin', 2, 2, 1, 30, '2026-01-05 08:00:00.000000', '2026-01-05 08:00:00.000000');

INSERT INTO customers (id, public_id, organization_id, name, email, notification_email, notification_phone_number, status, custom_fields, allowed_check_country_codes, alert_consecutive_checks, created_at, updated_at)
VALUES (1, '20000000000040008000000000000001', 1, 'Kunde', 'kunde@example.com', 'alarm@example.com', '+491700000000', 'active', '{"contract": "A-17"}', '["DE"]', 1, '2026-01-05 08:00:00.000000', '2026-01-05 08:00:00.000000');

INSERT INTO users (id, public_id, organization_id, email, password_hash, first_name, last_name, role, is_restricted, is_active, created_at, updated_at)
VALUES (1, '30000000000040008000000000000001', 1, 'ada@example.com', '@hash@', 'Ada', NULL, 'admin', FALSE, TRUE, '2026-01-05 08:00:00.000000', '2026-01-05 08:00:00.000000');
INSERT INTO users (id, public_id, organization_id, email, password_hash, first_name, last_name, role, is_restricted, is_active, created_at, updated_at)
VALUES (2, '30000000000040008000000000000002', 1, 'bob@example.com', NULL, NULL, NULL, 'editor', TRUE, TRUE, '2026-01-05 08:00:00.000000', '2026-01-05 08:00:00.000000');
INSERT INTO user_customers (user_id, customer_id) VALUES (2, 1);
INSERT INTO sessions (id, user_id, refresh_token_id, created_at, expires_at)
VALUES ('40000000000040008000000000000001', 1, '40000000000040008000000000000002', '2026-01-05 08:00:00.000000', '2099-01-05 08:00:00.000000');
INSERT INTO api_tokens (id, public_id, organization_id, customer_id, name, token_hash, token_hint, created_at)
VALUES (1, '50000000000040008000000000000001', 1, 1, 'Deployment', '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08', 'wsm_9f86', '2026-01-05 08:00:00.000000');
INSERT INTO audit_entries (id, public_id, organization_id, customer_id, actor_kind, actor_id, actor_name, action, target_public_id, target_name, changes, created_at)
VALUES (1, '60000000000040008000000000000001', 1, 1, 'user', 1, 'ada@example.com', 'monitor.create', '70000000000040008000000000000001', 'Works', '{"name": {"before": null, "after": "Works"}}', '2026-01-05 08:00:00.000000');
INSERT INTO locations (id, public_id, code, name, country, heartbeat_at, checks_begun, created_at, updated_at)
VALUES (1, '80000000000040008000000000000001', 'local', 'Local', 'DE', '2026-01-05 09:00:00.000000', 3, '2026-01-05 08:00:00.000000', '2026-01-05 08:00:00.000000');

INSERT INTO monitors (id, public_id, organization_id, customer_id, name, hostname, port, protocol, check_interval, timeout_seconds, status, mailbox_key, server, config_encrypted, created_at, updated_at)
VALUES (1, '70000000000040008000000000000001', 1, 1, 'Works', 'mail.example.com', 993, 'imap', 5, 30, 'active', 'a', 'mail.example.com:993', '@config@', '2026-01-05 08:00:00.000000', '2026-01-05 08:00:00.000000');
INSERT INTO monitors (id, public_id, organization_id, customer_id, name, hostname, port, protocol, check_interval, timeout_seconds, status, mailbox_key, server, config_encrypted, created_at, updated_at)
VALUES (2, '70000000000040008000000000000002', 1, 1, 'Failed last', 'fails.example.com', NULL, 'pop3', 1.5, 30, 'active', 'b', 'fails.example.com:995', 'v1:', '2026-01-05 08:00:00.000000', '2026-01-05 08:00:00.000000');
INSERT INTO monitors (id, public_id, organization_id, customer_id, name, hostname, port, protocol, check_interval, timeout_seconds, status, mailbox_key, server, config_encrypted, created_at, updated_at)
VALUES (3, '70000000000040008000000000000003', 1, 1, 'In maintenance', 'mail.example.com', NULL, 'imap', 5, 30, 'maintenance', 'c', 'mail.example.com:993', 'v1:', '2026-01-05 08:00:00.000000', '2026-01-05 08:30:00.000000');
INSERT INTO monitors (id, public_id, organization_id, customer_id, name, hostname, port, protocol, check_interval, timeout_seconds, status, mailbox_key, server, config_encrypted, created_at, updated_at)
VALUES (4, '70000000000040008000000000000004', 1, 1, 'Disabled', 'mail.example.com', NULL, 'imap', 5, 30, 'disabled', 'd', 'mail.example.com:993', 'v1:', '2026-01-05 08:00:00.000000', '2026-01-05 08:00:00.000000');

INSERT INTO monitor_schedules (id, monitor_id, location_id, organization_id, mailbox_key, server, interval_ms, offset_ms, timeout_ms, next_check_at_ms, last_checked_at, last_status)
VALUES (1, 1, 1, 1, 'a', 'mail.example.com:993', 300000, 0, 30000, 1767603600000, '2026-01-05 08:55:00.250000', 'success');
INSERT INTO monitor_schedules (id, monitor_id, location_id, organization_id, mailbox_key, server, interval_ms, offset_ms, timeout_ms, next_check_at_ms, last_checked_at, last_status, last_error_code, last_error_message, lease_until_ms, lease_token)
VALUES (2, 2, 1, 1, 'b', 'fails.example.com:995', 90000, 10, 30000, 1767603600000, '2026-01-05 08:55:00.250000', 'error', 'connection_refused', 'The connection was refused.', 1767603660000, '90000000000040008000000000000009');
INSERT INTO monitor_schedules (id, monitor_id, location_id, organization_id, mailbox_key, server, interval_ms, offset_ms, timeout_ms, next_check_at_ms)
VALUES (3, 3, 1, 1, 'c', 'mail.example.com:993', 300000, 20, 30000, 1767603600000);
INSERT INTO monitor_schedules (id, monitor_id, location_id, organization_id, mailbox_key, server, interval_ms, offset_ms, timeout_ms, next_check_at_ms)
VALUES (4, 4, 1, 1, 'd', 'mail.example.com:993', 300000, 30, 30000, NULL);

INSERT INTO check_results (id, public_id, monitor_id, location_id, checked_at, status, timing_ms, diagnostics)
VALUES (1, '90000000000040008000000000000001', 1, 1, '2026-01-05 08:55:00.250000', 'success', 42, '{"attempts": 1, "timings": {"login": 31}}');
INSERT INTO check_results (id, public_id, monitor_id, location_id, checked_at, status, error_code, error_message, timing_ms, diagnostics)
VALUES (2, '90000000000040008000000000000002', 2, 1, '2026-01-05 08:55:00.250000', 'error', 'connection_refused', 'The connection was refused.', 7, '{"attempts": 2, "errorCode": "connection_refused"}');
INSERT INTO check_rollups (monitor_id, location_id, period, started_at, checks, duration_ms, login_ms, within_50_ms)
VALUES (1, 1, 'hour', '2026-01-05 08:00:00.000000', 1, 42, 31, 1);
INSERT INTO check_rollups (monitor_id, location_id, period, started_at, checks, duration_ms, login_ms, within_50_ms)
VALUES (1, 1, 'day', '2026-01-05 00:00:00.000000', 1, 42, 31, 1);
