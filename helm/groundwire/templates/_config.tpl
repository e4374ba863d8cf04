{{/* The settings file: what the user says, and the upstream of a sidecar. Everything in it is reloaded when it changes. */}}
{{- define "groundwire.settings" -}}
{{- $settings := deepCopy .Values.settings -}}
{{- $_ := set $settings "policy" "/etc/groundwire/policy.yaml" -}}
{{- if and (eq .Values.kind "sidecar") (not (hasKey $settings "upstreams")) (not (hasKey $settings "upstream")) -}}
{{- $_ := set $settings "upstream" (.Values.sidecar.upstream | default (printf "http://127.0.0.1:%d" (int .Values.sidecar.modelPort))) -}}
{{- end -}}
{{- $policies := .Values.policies -}}
{{- range $name, $route := ($settings.routes | default dict) -}}
{{- if and $route (hasKey $route "policy") (hasKey $policies ($route.policy | toString)) -}}
{{- $_ := set $route "policy" (printf "/etc/groundwire/policy-%s.yaml" $route.policy) -}}
{{- end -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end -}}

{{/* Settings that the chart makes of other values: KEY, or SECTION.KEY, and what to say instead. */}}
{{- define "groundwire.reserved" -}}
listen: traffic.port, traffic.healthPort, analysis.healthPort, listenHost, traffic.tlsSecret
state_dir: persistence
policy: mode and policy
replicas: replicas or autoscaling
drain: drain.delaySeconds and drain.graceSeconds
store.kind: store.kind
store.url: store.url or store.existingSecret
store.password_env: store.existingSecret and store.passwordKey
link.socket: nothing, it lies in the pod
link.start_hold_s: startHoldSeconds
analysis.memory_bytes_max: analysis.resources.limits.memory
{{- end -}}

{{/* Refuses what would be wrong in service, and says why. Rendered by every object that depends on it. */}}
{{- define "groundwire.check" -}}
{{- range $key, $instead := (include "groundwire.reserved" . | fromYaml) -}}
{{- $section := splitList "." $key | first -}}
{{- $inner := splitList "." $key | last -}}
{{- $at := get $.Values.settings $section -}}
{{- if and (hasKey $.Values.settings $section) (or (eq $section $inner) (and (kindIs "map" $at) (hasKey ($at | default dict) $inner))) -}}
{{- fail (printf "settings.%s is made by the chart; say it with %s." $key $instead) -}}
{{- end -}}
{{- end -}}
{{- if hasKey .Values.policy "mode" -}}
{{- fail "policy.mode: say it in `mode`, beside it." -}}
{{- end -}}
{{- $many := gt (include "groundwire.replicas" . | int) 1 -}}
{{- $shared := eq (include "groundwire.storeKind" .) "redis" -}}
{{- $acts := eq .Values.mode "enforce" -}}
{{- range $name, $policy := .Values.policies -}}
{{- if eq (get ($policy | default dict) "mode" | toString) "enforce" -}}{{- $acts = true -}}{{- end -}}
{{- end -}}
{{- range $name, $route := (.Values.settings.routes | default dict) -}}
{{- if eq (get ($route | default dict) "policy" | toString) "strict" -}}{{- $acts = true -}}{{- end -}}
{{- end -}}
{{- if and $many $acts (not $shared) -}}
{{- fail "mode: enforce with more than one replica or an autoscaler needs a shared store: pods that decide alone would revert a route on some of them only. Say store.kind: redis and store.url (or valkey.enabled to try it), or replicas: 1 without autoscaling, or mode: shadow." -}}
{{- end -}}
{{- if and .Values.injection.enabled (ne .Values.kind "sidecar") -}}
{{- fail "injection.enabled puts Groundwire into pods of this namespace: say kind: sidecar." -}}
{{- end -}}
{{- if and .Values.injection.enabled (not .Values.sidecar.native) -}}
{{- fail "injection.enabled needs sidecar.native: every Kubernetes that has MutatingAdmissionPolicy has native sidecars." -}}
{{- end -}}
{{- if and .Values.injection.enabled (or $acts .Values.existingConfigMap) (not $shared) -}}
{{- fail "injection.enabled with mode: enforce (or with existingConfigMap, whose mode the chart cannot see) needs a shared store: the chart cannot know how many pods will ask. Say store.kind: redis and store.url, or mode: shadow." -}}
{{- end -}}
{{- if and $many .Values.existingConfigMap (not $shared) -}}
{{- fail "existingConfigMap with more than one replica or an autoscaler needs store.kind: redis: the chart cannot see whether a policy in it says mode: enforce." -}}
{{- end -}}
{{- if and (eq .Values.store.kind "redis") .Values.valkey.enabled -}}
{{- fail "store.kind: redis and valkey.enabled name two stores; keep one." -}}
{{- end -}}
{{- if and (eq .Values.store.kind "redis") (not .Values.store.url) (not (and .Values.store.existingSecret .Values.store.urlKey)) -}}
{{- fail "store.kind: redis needs store.url, or store.existingSecret with store.urlKey." -}}
{{- end -}}
{{- if and .Values.store.passwordKey (not .Values.store.existingSecret) -}}
{{- fail "store.passwordKey needs store.existingSecret: the Secret that holds the key." -}}
{{- end -}}
{{- if and $many .Values.persistence.enabled -}}
{{- fail "persistence.enabled is for one replica: a claim belongs to one pod. With more, state lives in the shared store (store.kind: redis)." -}}
{{- end -}}
{{- if and (eq .Values.kind "gateway") (not .Values.existingConfigMap) (not (.Values.settings.upstreams | default dict)) (not .Values.settings.upstream) -}}
{{- fail "kind: gateway needs the model Service it stands in front of: settings.upstream, for example http://vllm.models.svc:8000 (or kind: sidecar)." -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) -}}
{{- fail "autoscaling.minReplicas is above autoscaling.maxReplicas." -}}
{{- end -}}
{{- end -}}
