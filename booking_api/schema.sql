CREATE TYPE public.pgqueuer_status AS ENUM (
    'queued',
    'picked',
    'successful',
    'exception',
    'canceled',
    'deleted',
    'failed'
);

CREATE FUNCTION public.fn_pgqueuer_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    to_emit BOOLEAN := false;  -- Flag to decide whether to emit a notification
BEGIN
    -- Check operation type and set the emit flag accordingly
    IF TG_OP = 'UPDATE' AND OLD IS DISTINCT FROM NEW THEN
        to_emit := true;
    ELSIF TG_OP = 'DELETE' THEN
        to_emit := true;
    ELSIF TG_OP = 'INSERT' THEN
        to_emit := true;
    ELSIF TG_OP = 'TRUNCATE' THEN
        to_emit := true;
    END IF;

    -- Perform notification if the emit flag is set
    IF to_emit THEN
        PERFORM pg_notify(
            'ch_pgqueuer',
            json_build_object(
                'channel', 'ch_pgqueuer',
                'operation', lower(TG_OP),
                'sent_at', NOW(),
                'table', TG_TABLE_NAME,
                'type', 'table_changed_event'
            )::text
        );
    END IF;

    -- Return appropriate value based on the operation
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' THEN
        RETURN OLD;
    ELSE
        RETURN NULL; -- For TRUNCATE and other non-row-specific contexts
    END IF;

END;
$$;

CREATE TABLE public.api_key (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    channel text NOT NULL,
    scopes text[] NOT NULL,
    hint text NOT NULL,
    secret_hash bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    allowed_origins text[] DEFAULT '{}'::text[] NOT NULL,
    allowed_apps text[] DEFAULT '{}'::text[] NOT NULL,
    rate_limit_per_minute integer,
    CONSTRAINT api_key_is_bound_while_publishable CHECK (((kind = 'publishable'::text) OR ((cardinality(allowed_origins) = 0) AND (cardinality(allowed_apps) = 0)))),
    CONSTRAINT api_key_kind_is_known CHECK ((kind = ANY (ARRAY['publishable'::text, 'secret'::text]))),
    CONSTRAINT api_key_rate_is_positive CHECK ((rate_limit_per_minute > 0))
);

CREATE TABLE public.attendance (
    org_id uuid NOT NULL,
    item_id uuid NOT NULL,
    slot_id uuid NOT NULL,
    inside boolean NOT NULL,
    entries integer NOT NULL,
    first_admitted_at timestamp with time zone NOT NULL,
    last_scan_nonce text NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    is_news boolean DEFAULT false NOT NULL
)
WITH (fillfactor='80', autovacuum_vacuum_scale_factor='0.02', autovacuum_analyze_scale_factor='0.02');

CREATE TABLE public.audit (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    action text NOT NULL,
    actor_kind text NOT NULL,
    actor_id uuid,
    credential_id uuid,
    object_type text,
    object_id uuid,
    reason_code text,
    request_id text NOT NULL,
    occurrences integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT audit_action_is_a_code CHECK ((action ~ '^[a-z][a-z_]*(\.[a-z_]+)+$'::text)),
    CONSTRAINT audit_happened CHECK ((occurrences > 0)),
    CONSTRAINT audit_reason_is_a_code CHECK ((reason_code ~ '^[a-z][a-z0-9_]{0,63}$'::text))
)
PARTITION BY RANGE (id);

CREATE TABLE public.audit_rest (
    org_id uuid CONSTRAINT audit_org_id_not_null NOT NULL,
    id uuid CONSTRAINT audit_id_not_null NOT NULL,
    action text CONSTRAINT audit_action_not_null NOT NULL,
    actor_kind text CONSTRAINT audit_actor_kind_not_null NOT NULL,
    actor_id uuid,
    credential_id uuid,
    object_type text,
    object_id uuid,
    reason_code text,
    request_id text CONSTRAINT audit_request_id_not_null NOT NULL,
    occurrences integer CONSTRAINT audit_occurrences_not_null NOT NULL,
    created_at timestamp with time zone CONSTRAINT audit_created_at_not_null NOT NULL,
    CONSTRAINT audit_action_is_a_code CHECK ((action ~ '^[a-z][a-z_]*(\.[a-z_]+)+$'::text)),
    CONSTRAINT audit_happened CHECK ((occurrences > 0)),
    CONSTRAINT audit_reason_is_a_code CHECK ((reason_code ~ '^[a-z][a-z0-9_]{0,63}$'::text))
);

CREATE TABLE public.booking (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    order_id uuid CONSTRAINT booking_order_id_not_null1 NOT NULL,
    "position" integer NOT NULL,
    customer_id uuid NOT NULL,
    reference text NOT NULL,
    slot_id uuid NOT NULL,
    product_id uuid NOT NULL,
    product_version integer NOT NULL,
    option_id uuid NOT NULL,
    status text NOT NULL,
    version integer NOT NULL,
    contact jsonb,
    answers jsonb,
    price jsonb NOT NULL,
    total bigint NOT NULL,
    cancel_reason text,
    refund_amount bigint,
    channel text NOT NULL,
    visit_ends_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    confirmed_at timestamp with time zone,
    erased_at timestamp with time zone,
    changed_xid bigint DEFAULT 0 NOT NULL,
    agreed_starts_at timestamp with time zone,
    agreed_ends_at timestamp with time zone,
    agreed_origin_id uuid,
    agreed_destination_id uuid,
    moved_while_paying boolean DEFAULT false NOT NULL,
    status_reason text,
    slot_change text,
    decide_by timestamp with time zone,
    offered_starts_at timestamp with time zone,
    name_words tsvector,
    holds_sensitive boolean DEFAULT false NOT NULL,
    external_reference text,
    metadata jsonb,
    CONSTRAINT booking_slot_change_is_known CHECK ((slot_change = ANY (ARRAY['cancelled'::text, 'moved'::text, 'kept'::text]))),
    CONSTRAINT booking_status_is_known CHECK ((status = ANY (ARRAY['on_hold'::text, 'pending'::text, 'confirmed'::text, 'cancelled'::text, 'expired'::text, 'rejected'::text]))),
    CONSTRAINT booking_words_are_of_a_contact CHECK (((name_words IS NULL) OR (contact IS NOT NULL)))
)
WITH (fillfactor='60', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='1000', autovacuum_analyze_scale_factor='0.02');

CREATE TABLE public.booking_order (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    customer_id uuid NOT NULL,
    status text NOT NULL,
    expires_at timestamp with time zone,
    hold_limit_at timestamp with time zone NOT NULL,
    pending_until timestamp with time zone,
    intent_id uuid,
    channel text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    status_reason text,
    session_id uuid,
    unpaid_until timestamp with time zone,
    unpaid_places integer DEFAULT 0 NOT NULL,
    address_digest bytea,
    contact_digest bytea,
    external_reference text,
    metadata jsonb,
    claimed_from uuid,
    claimed_at timestamp with time zone,
    CONSTRAINT booking_order_claim_is_whole CHECK (((claimed_from IS NULL) = (claimed_at IS NULL))),
    CONSTRAINT booking_order_status_is_known CHECK ((status = ANY (ARRAY['on_hold'::text, 'pending'::text, 'confirmed'::text, 'cancelled'::text, 'expired'::text, 'rejected'::text])))
)
WITH (fillfactor='80', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='1000', autovacuum_analyze_scale_factor='0.02');

CREATE TABLE public.claim (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    slot_id uuid NOT NULL,
    option_id uuid NOT NULL,
    holder_id uuid NOT NULL,
    places integer NOT NULL,
    quota_places integer NOT NULL,
    expires_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT claim_places_not_negative CHECK ((places >= 0)),
    CONSTRAINT claim_quota_places_not_negative CHECK ((quota_places >= 0))
)
WITH (fillfactor='80', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='1000', autovacuum_analyze_scale_factor='0.02', autovacuum_vacuum_cost_delay='0', vacuum_truncate=off);

CREATE TABLE public.customer (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    name text,
    email text,
    phone text,
    locale text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL
);

CREATE TABLE public.event (
    org_id uuid CONSTRAINT event_org_id_not_null1 NOT NULL,
    id uuid CONSTRAINT event_id_not_null1 NOT NULL,
    type text CONSTRAINT event_type_not_null1 NOT NULL,
    subject_id uuid CONSTRAINT event_subject_id_not_null1 NOT NULL,
    data jsonb CONSTRAINT event_data_not_null1 NOT NULL,
    created_at timestamp with time zone CONSTRAINT event_created_at_not_null1 NOT NULL,
    relayed_at timestamp with time zone
)
PARTITION BY RANGE (id);

CREATE TABLE public.event_rest (
    org_id uuid CONSTRAINT event_org_id_not_null NOT NULL,
    id uuid CONSTRAINT event_id_not_null NOT NULL,
    type text CONSTRAINT event_type_not_null NOT NULL,
    subject_id uuid CONSTRAINT event_subject_id_not_null NOT NULL,
    data jsonb CONSTRAINT event_data_not_null NOT NULL,
    created_at timestamp with time zone CONSTRAINT event_created_at_not_null NOT NULL,
    relayed_at timestamp with time zone
)
WITH (autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_cost_delay='0', autovacuum_analyze_scale_factor='0.05', vacuum_truncate=off);

CREATE TABLE public.feedback (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    customer_id uuid,
    asked_id uuid,
    step text NOT NULL,
    kind text NOT NULL,
    score integer,
    text text,
    booking_id uuid,
    product_id uuid,
    channel text NOT NULL,
    retention_from timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    edited_at timestamp with time zone,
    erased_at timestamp with time zone
);

CREATE TABLE public.feedback_asked (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    customer_id uuid NOT NULL,
    number integer NOT NULL,
    prompt_id uuid NOT NULL,
    step text NOT NULL,
    kind text NOT NULL,
    booking_id uuid,
    product_id uuid,
    channel text NOT NULL,
    asked_at timestamp with time zone NOT NULL
);

CREATE TABLE public.feedback_prompt (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    step text NOT NULL,
    kind text NOT NULL,
    question jsonb NOT NULL,
    share_percent integer NOT NULL,
    pause_days integer NOT NULL,
    active boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone,
    CONSTRAINT feedback_prompt_kind_is_known CHECK ((kind = ANY (ARRAY['ces'::text, 'csat'::text, 'nps'::text, 'text'::text]))),
    CONSTRAINT feedback_prompt_pause_not_negative CHECK ((pause_days >= 0)),
    CONSTRAINT feedback_prompt_share_is_percent CHECK (((share_percent >= 0) AND (share_percent <= 100))),
    CONSTRAINT feedback_prompt_step_is_known CHECK ((step = ANY (ARRAY['search'::text, 'hold'::text, 'details'::text, 'payment'::text, 'confirmed'::text, 'visit'::text])))
);

CREATE TABLE public.idempotency_key (
    org_id uuid NOT NULL,
    credential_id uuid NOT NULL,
    key_hash bytea NOT NULL,
    fingerprint bytea NOT NULL,
    status smallint NOT NULL,
    body bytea NOT NULL,
    customer_id uuid,
    created_at timestamp with time zone NOT NULL,
    about_id uuid
)
WITH (fillfactor='90', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_cost_delay='0', autovacuum_analyze_scale_factor='0.05', vacuum_truncate=off, toast.autovacuum_vacuum_scale_factor='0.02', toast.autovacuum_vacuum_cost_delay='0', toast.vacuum_truncate=off);

CREATE TABLE public.item (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    booking_id uuid NOT NULL,
    slot_id uuid NOT NULL,
    "position" integer NOT NULL,
    unit_id uuid NOT NULL,
    name text,
    seat text,
    answers jsonb,
    status text NOT NULL,
    amount bigint NOT NULL,
    companion_item_id uuid,
    after_admission text,
    change_reason text,
    name_words tsvector,
    CONSTRAINT item_after_admission_is_known CHECK ((after_admission = ANY (ARRAY['kept'::text, 'given_back'::text]))),
    CONSTRAINT item_status_is_known CHECK ((status = ANY (ARRAY['active'::text, 'cancelled'::text]))),
    CONSTRAINT item_words_are_of_a_name CHECK (((name_words IS NULL) OR (name IS NOT NULL)))
)
WITH (fillfactor='80', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='1000', autovacuum_analyze_scale_factor='0.02');

CREATE TABLE public.mailbox (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    recipient text NOT NULL,
    subject text NOT NULL,
    body text NOT NULL,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE public.name_folding (
    org_id uuid NOT NULL,
    folded_to uuid NOT NULL
);

CREATE TABLE public.organisation (
    org_id uuid NOT NULL,
    name text NOT NULL,
    time_zone text NOT NULL,
    currency text NOT NULL,
    locale text NOT NULL,
    live boolean NOT NULL,
    retention_days integer,
    created_at timestamp with time zone NOT NULL,
    moved_later_minutes integer DEFAULT 60 NOT NULL,
    moved_earlier_minutes integer DEFAULT 10 NOT NULL,
    country text,
    CONSTRAINT organisation_country_is_iso3166 CHECK ((country ~ '^[A-Z]{2}$'::text)),
    CONSTRAINT organisation_currency_is_iso4217 CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT organisation_moved_earlier_is_natural CHECK (((moved_earlier_minutes >= 0) AND (moved_earlier_minutes <= 10080))),
    CONSTRAINT organisation_moved_later_is_natural CHECK (((moved_later_minutes >= 0) AND (moved_later_minutes <= 10080))),
    CONSTRAINT organisation_retention_is_positive CHECK ((retention_days > 0))
);

CREATE TABLE public.pass (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    item_id uuid NOT NULL,
    slot_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    kid text NOT NULL,
    code text NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_until timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone
)
WITH (autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_scale_factor='0.02');

CREATE TABLE public.pass_revocation (
    org_id uuid NOT NULL,
    item_id uuid NOT NULL,
    issued_before timestamp with time zone NOT NULL
);

CREATE TABLE public.payment_intent (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    provider text NOT NULL,
    token text,
    return_url text,
    status text NOT NULL,
    provider_reference text,
    next_action jsonb,
    error_code text,
    attempts integer NOT NULL,
    next_check_at timestamp with time zone,
    give_up_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    token_digest bytea,
    abandoned_at timestamp with time zone,
    CONSTRAINT payment_intent_amount_is_positive CHECK ((amount > 0)),
    CONSTRAINT payment_intent_status_is_known CHECK ((status = ANY (ARRAY['created'::text, 'processing'::text, 'requires_action'::text, 'succeeded'::text, 'failed'::text, 'cancelled'::text])))
);

CREATE TABLE public.pgqueuer (
    id bigint NOT NULL,
    priority integer NOT NULL,
    queue_manager_id uuid,
    created timestamp with time zone DEFAULT now() NOT NULL,
    updated timestamp with time zone DEFAULT now() NOT NULL,
    heartbeat timestamp with time zone DEFAULT now() NOT NULL,
    execute_after timestamp with time zone DEFAULT now() NOT NULL,
    status public.pgqueuer_status NOT NULL,
    entrypoint text NOT NULL,
    dedupe_key text,
    payload bytea,
    headers jsonb,
    attempts integer DEFAULT 0 NOT NULL,
    slot bigint
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='500', autovacuum_analyze_scale_factor='0', autovacuum_analyze_threshold='1000', autovacuum_vacuum_cost_delay='0', vacuum_truncate=off, fillfactor='70');

CREATE SEQUENCE public.pgqueuer_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.pgqueuer_id_seq OWNED BY public.pgqueuer.id;

CREATE TABLE public.pgqueuer_log (
    id bigint NOT NULL,
    created timestamp with time zone DEFAULT now() NOT NULL,
    job_id bigint NOT NULL,
    status public.pgqueuer_status NOT NULL,
    priority integer NOT NULL,
    entrypoint text NOT NULL,
    traceback jsonb,
    aggregated boolean DEFAULT false
)
WITH (autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_cost_delay='0', vacuum_truncate=off);

ALTER TABLE public.pgqueuer_log ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.pgqueuer_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.pgqueuer_schedules (
    id bigint NOT NULL,
    expression text NOT NULL,
    entrypoint text NOT NULL,
    heartbeat timestamp with time zone DEFAULT now() NOT NULL,
    created timestamp with time zone DEFAULT now() NOT NULL,
    updated timestamp with time zone DEFAULT now() NOT NULL,
    next_run timestamp with time zone DEFAULT now() NOT NULL,
    last_run timestamp with time zone,
    status public.pgqueuer_status DEFAULT 'queued'::public.pgqueuer_status
);

CREATE SEQUENCE public.pgqueuer_schedules_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.pgqueuer_schedules_id_seq OWNED BY public.pgqueuer_schedules.id;

CREATE TABLE public.pgqueuer_statistics (
    id bigint NOT NULL,
    created timestamp with time zone DEFAULT date_trunc('sec'::text, now()) NOT NULL,
    count bigint NOT NULL,
    priority integer NOT NULL,
    status public.pgqueuer_status NOT NULL,
    entrypoint text NOT NULL
);

CREATE SEQUENCE public.pgqueuer_statistics_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.pgqueuer_statistics_id_seq OWNED BY public.pgqueuer_statistics.id;

CREATE TABLE public.place (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    time_zone text NOT NULL,
    latitude double precision,
    longitude double precision,
    address text,
    updated_at timestamp with time zone NOT NULL,
    name_folded text,
    words tsvector,
    revision integer DEFAULT 1 NOT NULL
);

CREATE TABLE public.product (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    code text NOT NULL,
    kind text NOT NULL,
    version integer NOT NULL,
    origin_id uuid,
    destination_id uuid,
    venue_id uuid,
    on_sale boolean NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    words tsvector,
    revision integer DEFAULT 1 NOT NULL,
    CONSTRAINT product_kind_is_known CHECK ((kind = ANY (ARRAY['departure'::text, 'entry'::text, 'appointment'::text])))
);

CREATE TABLE public.product_version (
    org_id uuid NOT NULL,
    product_id uuid NOT NULL,
    version integer NOT NULL,
    definition jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE public.quota (
    org_id uuid NOT NULL,
    slot_id uuid NOT NULL,
    option_id uuid NOT NULL,
    capacity integer NOT NULL,
    taken integer NOT NULL,
    CONSTRAINT quota_taken_within_capacity CHECK (((taken >= 0) AND (taken <= capacity)))
)
WITH (fillfactor='80', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='1000', autovacuum_analyze_scale_factor='0.02', autovacuum_vacuum_cost_delay='0');

CREATE TABLE public.refund (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    intent_id uuid,
    order_id uuid NOT NULL,
    booking_id uuid,
    amount bigint NOT NULL,
    currency text NOT NULL,
    reason text NOT NULL,
    status text NOT NULL,
    provider_reference text,
    attempts integer NOT NULL,
    next_check_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    tries integer DEFAULT 1 NOT NULL,
    failure_code text,
    settled_method text,
    settled_by uuid,
    CONSTRAINT refund_amount_is_positive CHECK ((amount > 0)),
    CONSTRAINT refund_settled_method_is_known CHECK ((settled_method = ANY (ARRAY['cash'::text, 'terminal'::text, 'bank'::text]))),
    CONSTRAINT refund_status_is_known CHECK ((status = ANY (ARRAY['created'::text, 'succeeded'::text, 'failed'::text, 'due_on_site'::text, 'settled'::text])))
);

CREATE TABLE public.scan (
    org_id uuid NOT NULL,
    nonce text NOT NULL,
    id uuid NOT NULL,
    request_hash bytea NOT NULL,
    item_id uuid,
    slot_id uuid,
    gate text,
    direction text NOT NULL,
    admit boolean NOT NULL,
    verdict text NOT NULL,
    scanned_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    scanned_by uuid NOT NULL,
    override_reason text,
    undone_at timestamp with time zone,
    undone_by uuid,
    answer bytea NOT NULL,
    CONSTRAINT scan_direction_is_known CHECK ((direction = ANY (ARRAY['entry'::text, 'exit'::text])))
)
WITH (autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_scale_factor='0.02');

CREATE TABLE public.scan_archive (
    org_id uuid NOT NULL,
    nonce text NOT NULL,
    id uuid NOT NULL,
    request_hash bytea NOT NULL,
    item_id uuid,
    slot_id uuid,
    gate text,
    direction text NOT NULL,
    admit boolean NOT NULL,
    verdict text NOT NULL,
    scanned_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    scanned_by uuid NOT NULL,
    override_reason text,
    undone_at timestamp with time zone,
    undone_by uuid,
    outcomes jsonb NOT NULL
)
PARTITION BY RANGE (received_at);

CREATE TABLE public.scan_outcome (
    org_id uuid NOT NULL,
    nonce text NOT NULL,
    item_id uuid NOT NULL,
    admit boolean NOT NULL,
    verdict text NOT NULL,
    inside_before boolean NOT NULL,
    entries_before integer NOT NULL,
    nonce_before text
)
WITH (autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_scale_factor='0.02');

CREATE TABLE public.seat_claim (
    org_id uuid NOT NULL,
    slot_id uuid NOT NULL,
    seat text NOT NULL,
    claim_id uuid NOT NULL,
    item_id uuid NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='1000', autovacuum_analyze_scale_factor='0.02', autovacuum_vacuum_cost_delay='0', vacuum_truncate=off);

CREATE TABLE public.seat_layout (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    code text NOT NULL,
    seats integer NOT NULL,
    layout jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL
);

CREATE TABLE public.session (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    subject_id uuid NOT NULL,
    generation integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    kind text,
    channel text,
    device text,
    opened_by text,
    address_digest bytea,
    booking_id uuid,
    first_used_at timestamp with time zone,
    advances timestamp with time zone[],
    narrowed_at timestamp with time zone,
    others_ended_at timestamp with time zone
);

CREATE TABLE public.settlement (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    booking_id uuid NOT NULL,
    method text NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    staff_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT settlement_amount_is_positive CHECK ((amount > 0)),
    CONSTRAINT settlement_method_is_known CHECK ((method = ANY (ARRAY['cash'::text, 'terminal'::text])))
);

CREATE TABLE public.signing_key (
    org_id uuid NOT NULL,
    kid text NOT NULL,
    private_key_encrypted bytea NOT NULL,
    public_key bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    retired_at timestamp with time zone,
    CONSTRAINT signing_key_kid_is_short CHECK (((length(kid) >= 1) AND (length(kid) <= 8)))
);

CREATE TABLE public.single_use_code (
    org_id uuid NOT NULL,
    code_hash bytea NOT NULL,
    purpose text NOT NULL,
    customer_id uuid NOT NULL,
    booking_id uuid,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    address_digest bytea,
    alone boolean DEFAULT false NOT NULL,
    CONSTRAINT single_use_code_purpose_is_known CHECK ((purpose = ANY (ARRAY['recover'::text, 'resume'::text, 'help'::text, 'sign_in'::text])))
);

CREATE TABLE public.slot (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    code text NOT NULL,
    product_id uuid NOT NULL,
    kind text NOT NULL,
    origin_id uuid NOT NULL,
    destination_id uuid,
    local_date date NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    time_zone text NOT NULL,
    end_time_zone text NOT NULL,
    capacity integer NOT NULL,
    taken integer NOT NULL,
    status text NOT NULL,
    booking_closes_at timestamp with time zone NOT NULL,
    gate text,
    resource text,
    seat_layout_id uuid,
    updated_at timestamp with time zone NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    estimated_starts_at timestamp with time zone,
    estimated_ends_at timestamp with time zone,
    delay_note text,
    delay_updated_at timestamp with time zone,
    sold_out boolean GENERATED ALWAYS AS ((taken >= capacity)) STORED NOT NULL,
    CONSTRAINT slot_delay_is_whole CHECK ((((estimated_starts_at IS NULL) = (delay_updated_at IS NULL)) AND ((estimated_starts_at IS NOT NULL) OR ((estimated_ends_at IS NULL) AND (delay_note IS NULL))))),
    CONSTRAINT slot_ends_after_start CHECK ((ends_at >= starts_at)),
    CONSTRAINT slot_estimate_is_no_move CHECK ((estimated_starts_at >= starts_at)),
    CONSTRAINT slot_status_is_known CHECK ((status = ANY (ARRAY['open'::text, 'closed'::text, 'cancelled'::text]))),
    CONSTRAINT slot_taken_within_capacity CHECK (((taken >= 0) AND (taken <= capacity)))
)
WITH (fillfactor='80', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='1000', autovacuum_analyze_scale_factor='0.02', autovacuum_vacuum_cost_delay='0');

CREATE TABLE public.staff (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    email text NOT NULL,
    role text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT staff_role_is_known CHECK ((role = ANY (ARRAY['agent'::text, 'manager'::text, 'owner'::text])))
);

CREATE TABLE public.tombstone (
    org_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    type text NOT NULL,
    id uuid NOT NULL,
    deleted_at timestamp with time zone NOT NULL,
    changed_xid bigint DEFAULT 0 NOT NULL
);

CREATE TABLE public.webhook_delivery (
    org_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    order_key uuid NOT NULL,
    status text NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    due_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    tried_at timestamp with time zone,
    first_failed_at timestamp with time zone,
    delivered_at timestamp with time zone,
    answer_status integer,
    failure text,
    CONSTRAINT webhook_delivery_has_its_time CHECK (((status = 'delivered'::text) = (delivered_at IS NOT NULL))),
    CONSTRAINT webhook_delivery_status_is_known CHECK ((status = ANY (ARRAY['waiting'::text, 'delivered'::text, 'failed'::text])))
)
WITH (autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_cost_delay='0', autovacuum_analyze_scale_factor='0.05');

CREATE TABLE public.webhook_endpoint (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    url text NOT NULL,
    description text,
    events text[] NOT NULL,
    payload text NOT NULL,
    status text NOT NULL,
    paused_because text,
    secret_sealed bytea NOT NULL,
    previous_sealed bytea,
    previous_until timestamp with time zone,
    failures integer DEFAULT 0 NOT NULL,
    failing_since timestamp with time zone,
    retry_at timestamp with time zone,
    succeeded_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT webhook_pause_has_its_reason CHECK (((status = 'paused'::text) = (paused_because IS NOT NULL))),
    CONSTRAINT webhook_payload_is_known CHECK ((payload = ANY (ARRAY['thin'::text, 'full'::text]))),
    CONSTRAINT webhook_previous_ends CHECK (((previous_sealed IS NULL) = (previous_until IS NULL))),
    CONSTRAINT webhook_status_is_known CHECK ((status = ANY (ARRAY['active'::text, 'paused'::text, 'deleted'::text])))
);

CREATE TABLE public.worker_heartbeat (
    worker_id uuid NOT NULL,
    seen_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.audit ATTACH PARTITION public.audit_rest DEFAULT;

ALTER TABLE ONLY public.event ATTACH PARTITION public.event_rest DEFAULT;

ALTER TABLE ONLY public.pgqueuer ALTER COLUMN id SET DEFAULT nextval('public.pgqueuer_id_seq'::regclass);

ALTER TABLE ONLY public.pgqueuer_schedules ALTER COLUMN id SET DEFAULT nextval('public.pgqueuer_schedules_id_seq'::regclass);

ALTER TABLE ONLY public.pgqueuer_statistics ALTER COLUMN id SET DEFAULT nextval('public.pgqueuer_statistics_id_seq'::regclass);

ALTER TABLE ONLY public.api_key
    ADD CONSTRAINT api_key_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.api_key
    ADD CONSTRAINT api_key_secret_is_unique UNIQUE (org_id, secret_hash);

ALTER TABLE ONLY public.attendance
    ADD CONSTRAINT attendance_pkey PRIMARY KEY (org_id, item_id);

ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.audit_rest
    ADD CONSTRAINT audit_rest_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.booking_order
    ADD CONSTRAINT booking_order_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.booking
    ADD CONSTRAINT booking_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.booking
    ADD CONSTRAINT booking_reference_is_unique UNIQUE (org_id, reference);

ALTER TABLE ONLY public.claim
    ADD CONSTRAINT claim_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.customer
    ADD CONSTRAINT customer_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.event_rest
    ADD CONSTRAINT event_rest_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.feedback
    ADD CONSTRAINT feedback_answers_once UNIQUE (org_id, asked_id);

ALTER TABLE ONLY public.feedback_asked
    ADD CONSTRAINT feedback_asked_in_turn UNIQUE (org_id, customer_id, number);

ALTER TABLE ONLY public.feedback_asked
    ADD CONSTRAINT feedback_asked_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.feedback
    ADD CONSTRAINT feedback_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.feedback_prompt
    ADD CONSTRAINT feedback_prompt_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.idempotency_key
    ADD CONSTRAINT idempotency_key_pkey PRIMARY KEY (org_id, credential_id, key_hash);

ALTER TABLE ONLY public.item
    ADD CONSTRAINT item_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.mailbox
    ADD CONSTRAINT mailbox_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.name_folding
    ADD CONSTRAINT name_folding_pkey PRIMARY KEY (org_id);

ALTER TABLE ONLY public.organisation
    ADD CONSTRAINT organisation_pkey PRIMARY KEY (org_id);

ALTER TABLE ONLY public.pass
    ADD CONSTRAINT pass_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.pass_revocation
    ADD CONSTRAINT pass_revocation_pkey PRIMARY KEY (org_id, item_id);

ALTER TABLE ONLY public.payment_intent
    ADD CONSTRAINT payment_intent_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.pgqueuer_log
    ADD CONSTRAINT pgqueuer_log_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.pgqueuer
    ADD CONSTRAINT pgqueuer_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.pgqueuer_schedules
    ADD CONSTRAINT pgqueuer_schedules_expression_entrypoint_key UNIQUE (expression, entrypoint);

ALTER TABLE ONLY public.pgqueuer_schedules
    ADD CONSTRAINT pgqueuer_schedules_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.pgqueuer_statistics
    ADD CONSTRAINT pgqueuer_statistics_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.place
    ADD CONSTRAINT place_code_is_unique UNIQUE (org_id, code);

ALTER TABLE ONLY public.place
    ADD CONSTRAINT place_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.product
    ADD CONSTRAINT product_code_is_unique UNIQUE (org_id, code);

ALTER TABLE ONLY public.product
    ADD CONSTRAINT product_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.product_version
    ADD CONSTRAINT product_version_pkey PRIMARY KEY (org_id, product_id, version);

ALTER TABLE ONLY public.quota
    ADD CONSTRAINT quota_pkey PRIMARY KEY (org_id, slot_id, option_id);

ALTER TABLE ONLY public.refund
    ADD CONSTRAINT refund_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.scan_archive
    ADD CONSTRAINT scan_archive_pkey PRIMARY KEY (org_id, nonce, received_at);

ALTER TABLE ONLY public.scan_outcome
    ADD CONSTRAINT scan_outcome_pkey PRIMARY KEY (org_id, nonce, item_id);

ALTER TABLE ONLY public.scan
    ADD CONSTRAINT scan_pkey PRIMARY KEY (org_id, nonce);

ALTER TABLE ONLY public.seat_claim
    ADD CONSTRAINT seat_claim_pkey PRIMARY KEY (org_id, slot_id, seat);

ALTER TABLE ONLY public.seat_layout
    ADD CONSTRAINT seat_layout_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.seat_layout
    ADD CONSTRAINT seat_layout_version_is_unique UNIQUE (org_id, code, version);

ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.settlement
    ADD CONSTRAINT settlement_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.signing_key
    ADD CONSTRAINT signing_key_pkey PRIMARY KEY (org_id, kid);

ALTER TABLE ONLY public.single_use_code
    ADD CONSTRAINT single_use_code_pkey PRIMARY KEY (org_id, code_hash);

ALTER TABLE ONLY public.slot
    ADD CONSTRAINT slot_code_is_unique UNIQUE (org_id, code);

ALTER TABLE ONLY public.slot
    ADD CONSTRAINT slot_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.staff
    ADD CONSTRAINT staff_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.tombstone
    ADD CONSTRAINT tombstone_pkey PRIMARY KEY (org_id, customer_id, type, id);

ALTER TABLE ONLY public.webhook_delivery
    ADD CONSTRAINT webhook_delivery_pkey PRIMARY KEY (org_id, endpoint_id, event_id);

ALTER TABLE ONLY public.webhook_endpoint
    ADD CONSTRAINT webhook_endpoint_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.worker_heartbeat
    ADD CONSTRAINT worker_heartbeat_pkey PRIMARY KEY (worker_id);

CREATE INDEX attendance_news ON public.attendance USING btree (first_admitted_at, org_id, item_id) WHERE is_news;

CREATE INDEX attendance_slot ON public.attendance USING btree (org_id, slot_id);

CREATE INDEX audit_action ON ONLY public.audit USING btree (org_id, action, id);

CREATE INDEX audit_actor ON ONLY public.audit USING btree (org_id, actor_id, id);

CREATE INDEX audit_rest_org_id_action_id_idx ON public.audit_rest USING btree (org_id, action, id);

CREATE INDEX audit_rest_org_id_actor_id_id_idx ON public.audit_rest USING btree (org_id, actor_id, id);

CREATE INDEX booking_changed ON public.booking USING brin (updated_at) WITH (pages_per_range='16', autosummarize='on');

CREATE INDEX booking_customer ON public.booking USING btree (org_id, customer_id, id);

CREATE INDEX booking_decide_by ON public.booking USING btree (decide_by) WHERE (decide_by IS NOT NULL);

CREATE INDEX booking_external_reference ON public.booking USING btree (org_id, external_reference) WHERE (external_reference IS NOT NULL);

CREATE INDEX booking_metadata ON public.booking USING gin (metadata) WHERE (metadata IS NOT NULL);

CREATE INDEX booking_of_order ON public.booking USING btree (org_id, order_id);

CREATE INDEX booking_order_claimed ON public.booking_order USING btree (org_id, claimed_from) WHERE (claimed_from IS NOT NULL);

CREATE INDEX booking_order_due ON public.booking_order USING btree (expires_at) WHERE (status = 'on_hold'::text);

CREATE INDEX booking_order_never_confirmed ON public.booking_order USING btree (org_id, updated_at) WHERE ((status = ANY (ARRAY['expired'::text, 'rejected'::text, 'cancelled'::text])) AND (expires_at IS NOT NULL));

CREATE INDEX booking_order_pending ON public.booking_order USING btree (pending_until) WHERE (status = 'pending'::text);

CREATE INDEX booking_order_unpaid_address ON public.booking_order USING btree (org_id, address_digest, unpaid_until) INCLUDE (unpaid_places) WHERE ((address_digest IS NOT NULL) AND (unpaid_until IS NOT NULL));

CREATE INDEX booking_order_unpaid_contact ON public.booking_order USING btree (org_id, contact_digest, unpaid_until) INCLUDE (unpaid_places) WHERE ((contact_digest IS NOT NULL) AND (unpaid_until IS NOT NULL));

CREATE INDEX booking_sensitive ON public.booking USING btree (org_id, visit_ends_at) WHERE holds_sensitive;

CREATE INDEX booking_slot ON public.booking USING btree (org_id, slot_id);

CREATE INDEX booking_visit_over ON public.booking USING btree (org_id, visit_ends_at) WHERE (erased_at IS NULL);

CREATE INDEX claim_holder ON public.claim USING btree (org_id, holder_id);

CREATE INDEX claim_slot ON public.claim USING btree (org_id, slot_id);

CREATE INDEX customer_email ON public.customer USING btree (org_id, email) WHERE (email IS NOT NULL);

CREATE INDEX event_unrelayed ON ONLY public.event USING btree (created_at) WHERE (relayed_at IS NULL);

CREATE INDEX event_rest_unrelayed ON public.event_rest USING btree (created_at) WHERE (relayed_at IS NULL);

CREATE INDEX feedback_asked_at ON public.feedback_asked USING btree (org_id, asked_at);

CREATE INDEX feedback_created ON public.feedback USING btree (org_id, created_at, id);

CREATE INDEX feedback_retention ON public.feedback USING btree (org_id, retention_from) WHERE (text IS NOT NULL);

CREATE INDEX idempotency_key_age ON public.idempotency_key USING btree (created_at);

CREATE INDEX item_booking ON public.item USING btree (org_id, booking_id);

CREATE INDEX item_slot ON public.item USING btree (org_id, slot_id);

CREATE INDEX mailbox_age ON public.mailbox USING btree (created_at);

CREATE UNIQUE INDEX pass_issued_once ON public.pass USING btree (org_id, item_id, issued_at);

CREATE INDEX pass_kid ON public.pass USING btree (org_id, kid, valid_until);

CREATE UNIQUE INDEX pass_live ON public.pass USING btree (org_id, item_id) WHERE (revoked_at IS NULL);

CREATE INDEX payment_intent_due ON public.payment_intent USING btree (next_check_at) WHERE (next_check_at IS NOT NULL);

CREATE INDEX payment_intent_order ON public.payment_intent USING btree (org_id, order_id);

CREATE INDEX pgqueuer_ep_ea_idx ON public.pgqueuer USING btree (entrypoint, execute_after) WHERE (status = 'queued'::public.pgqueuer_status);

CREATE INDEX pgqueuer_ep_prio_id_idx ON public.pgqueuer USING btree (entrypoint, priority DESC, id) WHERE (status = 'queued'::public.pgqueuer_status);

CREATE INDEX pgqueuer_log_created ON public.pgqueuer_log USING btree (created);

CREATE INDEX pgqueuer_log_job_id_status ON public.pgqueuer_log USING btree (job_id, created DESC);

CREATE INDEX pgqueuer_log_not_aggregated ON public.pgqueuer_log USING btree ((1)) WHERE (NOT aggregated);

CREATE INDEX pgqueuer_log_status ON public.pgqueuer_log USING btree (status);

CREATE INDEX pgqueuer_picked_heartbeat_idx ON public.pgqueuer USING btree (heartbeat) WHERE (status = 'picked'::public.pgqueuer_status);

CREATE UNIQUE INDEX pgqueuer_picked_slot_idx ON public.pgqueuer USING btree (entrypoint, slot) WHERE ((status = 'picked'::public.pgqueuer_status) AND (slot IS NOT NULL));

CREATE INDEX pgqueuer_priority_id_id1_idx ON public.pgqueuer USING btree (priority, id DESC) INCLUDE (id) WHERE (status = 'queued'::public.pgqueuer_status);

CREATE INDEX pgqueuer_queue_manager_id_idx ON public.pgqueuer USING btree (queue_manager_id) WHERE (queue_manager_id IS NOT NULL);

CREATE UNIQUE INDEX pgqueuer_statistics_unique_count ON public.pgqueuer_statistics USING btree (priority, date_trunc('sec'::text, timezone('UTC'::text, created)), status, entrypoint);

CREATE UNIQUE INDEX pgqueuer_unique_dedupe_key ON public.pgqueuer USING btree (dedupe_key) WHERE ((status = ANY (ARRAY['queued'::public.pgqueuer_status, 'picked'::public.pgqueuer_status])) AND (dedupe_key IS NOT NULL));

CREATE INDEX pgqueuer_updated_id_id1_idx ON public.pgqueuer USING btree (updated, id DESC) INCLUDE (id) WHERE (status = 'picked'::public.pgqueuer_status);

CREATE INDEX place_position ON public.place USING btree (org_id, latitude, longitude) WHERE (latitude IS NOT NULL);

CREATE INDEX place_unfolded ON public.place USING btree (org_id) WHERE (words IS NULL);

CREATE INDEX place_words ON public.place USING gin (words);

CREATE INDEX place_zone ON public.place USING btree (org_id, time_zone);

CREATE INDEX product_destination ON public.product USING btree (org_id, destination_id) WHERE (destination_id IS NOT NULL);

CREATE INDEX product_origin ON public.product USING btree (org_id, origin_id) WHERE (origin_id IS NOT NULL);

CREATE INDEX product_place ON public.product USING btree (org_id, COALESCE(origin_id, venue_id)) WHERE on_sale;

CREATE INDEX product_unfolded ON public.product USING btree (org_id) WHERE (words IS NULL);

CREATE INDEX product_venue ON public.product USING btree (org_id, venue_id) WHERE (venue_id IS NOT NULL);

CREATE INDEX product_words ON public.product USING gin (words);

CREATE INDEX refund_created ON public.refund USING btree (org_id, created_at, id);

CREATE INDEX refund_due ON public.refund USING btree (next_check_at) WHERE (next_check_at IS NOT NULL);

CREATE INDEX refund_intent ON public.refund USING btree (org_id, intent_id);

CREATE INDEX refund_order ON public.refund USING btree (org_id, order_id);

CREATE INDEX refund_status ON public.refund USING btree (org_id, status, created_at, id);

CREATE INDEX scan_age ON public.scan USING btree (received_at);

CREATE INDEX scan_answer_age ON public.scan USING btree (received_at) WHERE (answer <> '\x'::bytea);

CREATE INDEX scan_archive_reason ON ONLY public.scan_archive USING btree (org_id, received_at) WHERE (override_reason IS NOT NULL);

CREATE INDEX scan_item ON public.scan USING btree (org_id, item_id, received_at) WHERE (item_id IS NOT NULL);

CREATE INDEX scan_reason ON public.scan USING btree (org_id, received_at) WHERE (override_reason IS NOT NULL);

CREATE INDEX seat_claim_claim ON public.seat_claim USING btree (org_id, claim_id);

CREATE INDEX session_age ON public.session USING btree (last_used_at);

CREATE INDEX session_subject ON public.session USING btree (org_id, subject_id, id);

CREATE INDEX settlement_order ON public.settlement USING btree (org_id, order_id);

CREATE UNIQUE INDEX signing_key_active ON public.signing_key USING btree (org_id) WHERE (retired_at IS NULL);

CREATE INDEX signing_key_kid ON public.signing_key USING btree (kid);

CREATE INDEX single_use_code_age ON public.single_use_code USING btree (expires_at);

CREATE INDEX single_use_code_subject ON public.single_use_code USING btree (org_id, customer_id, created_at);

CREATE INDEX slot_destination ON public.slot USING btree (org_id, destination_id, local_date, starts_at, id) WHERE (destination_id IS NOT NULL);

CREATE INDEX slot_gate ON public.slot USING btree (org_id, gate, starts_at) WHERE (gate IS NOT NULL);

CREATE INDEX slot_late ON public.slot USING btree (org_id, estimated_starts_at) WHERE (estimated_starts_at IS NOT NULL);

CREATE INDEX slot_origin ON public.slot USING btree (org_id, origin_id, local_date, starts_at, id);

CREATE INDEX slot_product_date ON public.slot USING btree (org_id, product_id, local_date, starts_at, id);

CREATE INDEX slot_resource ON public.slot USING btree (org_id, resource, starts_at) WHERE (resource IS NOT NULL);

CREATE INDEX slot_route ON public.slot USING btree (org_id, origin_id, destination_id, local_date, starts_at, id);

CREATE INDEX slot_route_product ON public.slot USING btree (org_id, origin_id, destination_id, product_id, local_date);

CREATE INDEX slot_starts ON public.slot USING btree (org_id, starts_at, id);

CREATE INDEX slot_with_room ON public.slot USING btree (org_id, product_id, starts_at, id) WHERE ((status = 'open'::text) AND (NOT sold_out));

CREATE UNIQUE INDEX staff_email_is_unique ON public.staff USING btree (org_id, email) WHERE (revoked_at IS NULL);

CREATE INDEX tombstone_age ON public.tombstone USING btree (deleted_at);

CREATE INDEX tombstone_moment ON public.tombstone USING btree (org_id, customer_id, deleted_at, id);

CREATE INDEX webhook_delivery_due ON public.webhook_delivery USING btree (org_id, endpoint_id, due_at, event_id) WHERE (status = 'waiting'::text);

CREATE INDEX webhook_delivery_failed ON public.webhook_delivery USING btree (org_id, endpoint_id, event_id) WHERE (status = 'failed'::text);

CREATE INDEX webhook_delivery_order ON public.webhook_delivery USING btree (org_id, endpoint_id, order_key, event_id) WHERE (status = 'waiting'::text);

ALTER INDEX public.audit_action ATTACH PARTITION public.audit_rest_org_id_action_id_idx;

ALTER INDEX public.audit_actor ATTACH PARTITION public.audit_rest_org_id_actor_id_id_idx;

ALTER INDEX public.audit_pkey ATTACH PARTITION public.audit_rest_pkey;

ALTER INDEX public.event_pkey ATTACH PARTITION public.event_rest_pkey;

ALTER INDEX public.event_unrelayed ATTACH PARTITION public.event_rest_unrelayed;

CREATE TRIGGER tg_pgqueuer_changed AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.pgqueuer FOR EACH STATEMENT EXECUTE FUNCTION public.fn_pgqueuer_changed();

ALTER TABLE ONLY public.booking
    ADD CONSTRAINT booking_order_of FOREIGN KEY (org_id, order_id) REFERENCES public.booking_order(org_id, id);

ALTER TABLE ONLY public.claim
    ADD CONSTRAINT claim_slot FOREIGN KEY (org_id, slot_id) REFERENCES public.slot(org_id, id);

ALTER TABLE ONLY public.feedback
    ADD CONSTRAINT feedback_asked_of FOREIGN KEY (org_id, asked_id) REFERENCES public.feedback_asked(org_id, id);

ALTER TABLE ONLY public.feedback_asked
    ADD CONSTRAINT feedback_asked_prompt FOREIGN KEY (org_id, prompt_id) REFERENCES public.feedback_prompt(org_id, id);

ALTER TABLE ONLY public.item
    ADD CONSTRAINT item_booking FOREIGN KEY (org_id, booking_id) REFERENCES public.booking(org_id, id);

ALTER TABLE ONLY public.product_version
    ADD CONSTRAINT product_version_product FOREIGN KEY (org_id, product_id) REFERENCES public.product(org_id, id);

ALTER TABLE ONLY public.quota
    ADD CONSTRAINT quota_slot FOREIGN KEY (org_id, slot_id) REFERENCES public.slot(org_id, id);

ALTER TABLE ONLY public.refund
    ADD CONSTRAINT refund_intent FOREIGN KEY (org_id, intent_id) REFERENCES public.payment_intent(org_id, id);

ALTER TABLE ONLY public.scan_outcome
    ADD CONSTRAINT scan_outcome_scan FOREIGN KEY (org_id, nonce) REFERENCES public.scan(org_id, nonce);

ALTER TABLE ONLY public.seat_claim
    ADD CONSTRAINT seat_claim_claim FOREIGN KEY (org_id, claim_id) REFERENCES public.claim(org_id, id);

ALTER TABLE ONLY public.slot
    ADD CONSTRAINT slot_product FOREIGN KEY (org_id, product_id) REFERENCES public.product(org_id, id);

ALTER TABLE ONLY public.webhook_delivery
    ADD CONSTRAINT webhook_delivery_endpoint FOREIGN KEY (org_id, endpoint_id) REFERENCES public.webhook_endpoint(org_id, id);
