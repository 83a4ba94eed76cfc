"""Alarms put aside, rules of your own, power links, floods."""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.create_table('alarm_rule_overrides',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('rule', sa.String(), nullable=False),
    sa.Column('scope', sa.String(), nullable=False),
    sa.Column('target', sa.String(), nullable=False),
    sa.Column('changes', sa.JSON(), nullable=False),
    sa.Column('version', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('updated_at', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('updated_by', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_alarm_rule_overrides')),
    sa.UniqueConstraint('rule', 'scope', 'target', name=op.f('uq_alarm_rule_overrides_rule_scope_target'))
    )
    op.create_table('alarm_rule_versions',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('rule', sa.String(), nullable=False),
    sa.Column('scope', sa.String(), nullable=False),
    sa.Column('target', sa.String(), nullable=False),
    sa.Column('version', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('changes', sa.JSON(none_as_null=True), nullable=True),
    sa.Column('at', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('by', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_alarm_rule_versions')),
    sa.UniqueConstraint('rule', 'scope', 'target', 'version', name=op.f('uq_alarm_rule_versions_rule_scope_target_version'))
    )
    op.create_table('alarm_floods',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('site_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('started_at', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('ended_at', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('digests', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), server_default='0', nullable=False),
    sa.Column('digested_until_at', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.ForeignKeyConstraint(['site_id'], ['sites.id'], name=op.f('fk_alarm_floods_site_id_sites')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_alarm_floods'))
    )
    with op.batch_alter_table('alarm_floods', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_alarm_floods_site_id'), ['site_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_alarm_floods_started_at'), ['started_at'], unique=False)
        batch_op.create_index('uq_alarm_floods_open', ['site_id'], unique=True, sqlite_where=sa.text('ended_at IS NULL'), postgresql_where=sa.text('ended_at IS NULL'))

    op.create_table('power_links',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('feeder_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('equipment_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('cause', sa.String(), nullable=False),
    sa.Column('created_at', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('created_by', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['equipment_id'], ['equipment.id'], name=op.f('fk_power_links_equipment_id_equipment')),
    sa.ForeignKeyConstraint(['feeder_id'], ['equipment.id'], name=op.f('fk_power_links_feeder_id_equipment')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_power_links')),
    sa.UniqueConstraint('feeder_id', 'equipment_id', name=op.f('uq_power_links_feeder_id_equipment_id'))
    )
    with op.batch_alter_table('power_links', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_power_links_equipment_id'), ['equipment_id'], unique=False)

    with op.batch_alter_table('alarms', schema=None) as batch_op:
        batch_op.add_column(sa.Column('trade', sa.String(), server_default='', nullable=False))
        batch_op.add_column(sa.Column('opens_order', sa.Boolean(), server_default=sa.true(), nullable=False))
        batch_op.add_column(sa.Column('of_communication', sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column('latching', sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column('latched', sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column('shelved_until_at', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True))
        batch_op.add_column(sa.Column('shelved_by', sa.String(), nullable=True))
        batch_op.add_column(sa.Column('shelved_reason', sa.String(), nullable=True))
        batch_op.add_column(sa.Column('suppressed_by', sa.String(), nullable=True))
        batch_op.add_column(sa.Column('out_of_service_until_at', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True))
        batch_op.add_column(sa.Column('out_of_service_by', sa.String(), nullable=True))
        batch_op.add_column(sa.Column('monitored', sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column('announced_at', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True))
        batch_op.add_column(sa.Column('chattering', sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column('proposed_off_delay_s', sa.Double(), nullable=True))
        batch_op.create_index(batch_op.f('ix_alarms_announced_at'), ['announced_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_alarms_raised_at'), ['raised_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_alarms_suppressed_by'), ['suppressed_by'], unique=False)

    with op.batch_alter_table('equipment', schema=None) as batch_op:
        batch_op.add_column(sa.Column('port', sa.String(), server_default='', nullable=False))
        batch_op.add_column(sa.Column('out_of_service_since_at', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True))
        batch_op.add_column(sa.Column('out_of_service_until_at', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True))
        batch_op.add_column(sa.Column('out_of_service_by', sa.String(), nullable=True))
        batch_op.add_column(sa.Column('out_of_service_reason', sa.String(), nullable=True))

    # Before this step everything that was raised was announced.
    op.execute("UPDATE alarms SET announced_at = raised_at WHERE incident_id IS NOT NULL")


def downgrade() -> None:
    """Take it back."""
    with op.batch_alter_table('equipment', schema=None) as batch_op:
        batch_op.drop_column('out_of_service_reason')
        batch_op.drop_column('out_of_service_by')
        batch_op.drop_column('out_of_service_until_at')
        batch_op.drop_column('out_of_service_since_at')
        batch_op.drop_column('port')

    with op.batch_alter_table('alarms', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_alarms_suppressed_by'))
        batch_op.drop_index(batch_op.f('ix_alarms_raised_at'))
        batch_op.drop_index(batch_op.f('ix_alarms_announced_at'))
        batch_op.drop_column('proposed_off_delay_s')
        batch_op.drop_column('chattering')
        batch_op.drop_column('announced_at')
        batch_op.drop_column('monitored')
        batch_op.drop_column('out_of_service_by')
        batch_op.drop_column('out_of_service_until_at')
        batch_op.drop_column('suppressed_by')
        batch_op.drop_column('shelved_reason')
        batch_op.drop_column('shelved_by')
        batch_op.drop_column('shelved_until_at')
        batch_op.drop_column('latched')
        batch_op.drop_column('latching')
        batch_op.drop_column('of_communication')
        batch_op.drop_column('opens_order')
        batch_op.drop_column('trade')

    with op.batch_alter_table('power_links', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_power_links_equipment_id'))

    op.drop_table('power_links')
    with op.batch_alter_table('alarm_floods', schema=None) as batch_op:
        batch_op.drop_index('uq_alarm_floods_open', sqlite_where=sa.text('ended_at IS NULL'), postgresql_where=sa.text('ended_at IS NULL'))
        batch_op.drop_index(batch_op.f('ix_alarm_floods_started_at'))
        batch_op.drop_index(batch_op.f('ix_alarm_floods_site_id'))

    op.drop_table('alarm_floods')
    op.drop_table('alarm_rule_versions')
    op.drop_table('alarm_rule_overrides')
