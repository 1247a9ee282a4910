//! Search spaces, samplers, pruners and studies for tuning anything
