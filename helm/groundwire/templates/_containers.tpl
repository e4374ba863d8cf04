{{- define "groundwire.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* What needs a restart is in the environment, so that a change of it rolls the pods; all else is in the file. */}}
{{- define "groundwire.env" -}}
- {name: GROUNDWIRE_STATE_DIR, value: /var/lib/groundwire}
- {name: GROUNDWIRE_LINK__SOCKET, value: /run/groundwire/link.sock}
- {name: GROUNDWIRE_LINK__START_HOLD_S, value: {{ .Values.startHoldSeconds | quote }}}
- {name: GROUNDWIRE_LISTEN__DATA, value: "{{ .Values.listenHost }}:{{ .Values.traffic.port }}"}
- {name: GROUNDWIRE_LISTEN__HEALTH, value: "{{ .Values.listenHost }}:{{ .Values.traffic.healthPort }}"}
- {name: GROUNDWIRE_LISTEN__ANALYSIS_HEALTH, value: "{{ .Values.listenHost }}:{{ .Values.analysis.healthPort }}"}
- {name: GROUNDWIRE_LISTEN__CONTROL, value: "unix:/run/groundwire/control.sock"}
- {name: GROUNDWIRE_DRAIN__DELAY_S, value: {{ .Values.drain.delaySeconds | quote }}}
- {name: GROUNDWIRE_DRAIN__GRACE_S, value: {{ .Values.drain.graceSeconds | quote }}}
- {name: GROUNDWIRE_REPLICAS, value: {{ include "groundwire.replicas" . | quote }}}
- {name: GROUNDWIRE_STORE__KIND, value: {{ include "groundwire.storeKind" . }}}
{{- end -}}

{{/* OpenTelemetry's own variables. Where a trace is sampled traffic learns from the analysis process. */}}
{{- define "groundwire.tracingEnv" -}}
{{- range $variable, $field := (dict "K8S_POD_NAME" "metadata.name" "K8S_POD_UID" "metadata.uid" "K8S_NAMESPACE_NAME" "metadata.namespace" "K8S_NODE_NAME" "spec.nodeName") }}
- name: {{ $variable }}
  valueFrom:
    fieldRef: {fieldPath: {{ $field }}}
{{- end }}
{{- $attributes := list "k8s.pod.name=$(K8S_POD_NAME)" "k8s.pod.uid=$(K8S_POD_UID)" "k8s.namespace.name=$(K8S_NAMESPACE_NAME)" "k8s.node.name=$(K8S_NODE_NAME)" "service.instance.id=$(K8S_POD_UID)" }}
{{- range $name, $value := .Values.tracing.resourceAttributes }}
{{- $attributes = append $attributes (printf "%s=%s" $name $value) }}
{{- end }}
- {name: OTEL_RESOURCE_ATTRIBUTES, value: {{ join "," $attributes | quote }}}
- {name: OTEL_SERVICE_NAME, value: {{ .Values.tracing.serviceName | quote }}}
- {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ .Values.tracing.endpoint | quote }}}
- {name: OTEL_EXPORTER_OTLP_PROTOCOL, value: {{ .Values.tracing.protocol }}}
{{- if not .Values.tracing.metrics }}
- {name: OTEL_METRICS_EXPORTER, value: none}
{{- end }}
- {name: OTEL_TRACES_SAMPLER, value: {{ .Values.tracing.sampler }}}
{{- with .Values.tracing.samplerArg }}
- {name: OTEL_TRACES_SAMPLER_ARG, value: {{ . | quote }}}
{{- end }}
{{- if .Values.tracing.headersSecret }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom:
    secretKeyRef: {name: {{ .Values.tracing.headersSecret }}, key: {{ .Values.tracing.headersKey }}}
{{- end }}
{{- end -}}

{{- define "groundwire.trafficContainer" -}}
name: groundwire-traffic
image: {{ include "groundwire.trafficImage" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [serve, --only, traffic, --config, /etc/groundwire/groundwire.yaml]
ports:
  - {name: gw-data, containerPort: {{ .Values.traffic.port }}, protocol: TCP}
  - {name: gw-health, containerPort: {{ .Values.traffic.healthPort }}, protocol: TCP}
env:
  {{- include "groundwire.env" . | nindent 2 }}
  {{- if .Values.traffic.tlsSecret }}
  - {name: GROUNDWIRE_LISTEN__TLS_CERT_FILE, value: /etc/groundwire-tls/tls.crt}
  - {name: GROUNDWIRE_LISTEN__TLS_KEY_FILE, value: /etc/groundwire-tls/tls.key}
  {{- end }}
  {{- with .Values.traffic.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.traffic.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
# Life is all that is asked at start: the model server starts after this container, and may take minutes.
startupProbe:
  httpGet: {path: /livez, port: gw-health}
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /livez, port: gw-health}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: gw-health}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 2
# A pod's hooks all start when its end begins, a native sidecar's too; SIGTERM comes when this one has returned.
lifecycle:
  preStop:
    exec:
      command: [groundwire, drain, --config, /etc/groundwire/groundwire.yaml]
resources:
  {{- toYaml .Values.traffic.resources | nindent 2 }}
securityContext:
  {{- include "groundwire.securityContext" . | nindent 2 }}
volumeMounts:
  - {name: groundwire-config, mountPath: /etc/groundwire, readOnly: true}
  - {name: groundwire-run, mountPath: /run/groundwire}
  - {name: groundwire-state, mountPath: /var/lib/groundwire}
  {{- if .Values.traffic.tlsSecret }}
  - {name: groundwire-tls, mountPath: /etc/groundwire-tls, readOnly: true}
  {{- end }}
  {{- with .Values.traffic.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "groundwire.analysisContainer" -}}
name: groundwire-analysis
image: {{ include "groundwire.analysisImage" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [serve, --only, analysis, --config, /etc/groundwire/groundwire.yaml]
ports:
  - {name: gw-analysis, containerPort: {{ .Values.analysis.healthPort }}, protocol: TCP}
env:
  {{- include "groundwire.env" . | nindent 2 }}
  - {name: GROUNDWIRE_ANALYSIS__MEMORY_BYTES_MAX, value: {{ div (mul (include "groundwire.bytes" .Values.analysis.resources.limits.memory | int64) 7) 10 | quote }}}
  {{- if .Values.prompts.existingSecret }}
  {{- with .Values.prompts.baselineKey }}
  - {name: GROUNDWIRE_BASELINE_PROMPTS_FILE, value: /etc/groundwire-prompts/{{ . }}}
  {{- end }}
  {{- with .Values.prompts.checksKey }}
  - {name: GROUNDWIRE_CHECKS_FILE, value: /etc/groundwire-prompts/{{ . }}}
  {{- end }}
  {{- end }}
  {{- if .Values.valkey.enabled }}
  - {name: GROUNDWIRE_STORE__URL, value: "redis://{{ include "groundwire.fullname" . }}-valkey:6379"}
  {{- else if eq .Values.store.kind "redis" }}
  {{- if and .Values.store.existingSecret .Values.store.urlKey }}
  - name: GROUNDWIRE_STORE__URL
    valueFrom:
      secretKeyRef: {name: {{ .Values.store.existingSecret }}, key: {{ .Values.store.urlKey }}}
  {{- else }}
  - {name: GROUNDWIRE_STORE__URL, value: {{ .Values.store.url | quote }}}
  {{- end }}
  {{- if .Values.store.passwordKey }}
  - {name: GROUNDWIRE_STORE__PASSWORD_ENV, value: STORE_PASSWORD}
  - name: STORE_PASSWORD
    valueFrom:
      secretKeyRef: {name: {{ .Values.store.existingSecret }}, key: {{ .Values.store.passwordKey }}}
  {{- end }}
  {{- end }}
  {{- if .Values.tracing.endpoint }}
  {{- include "groundwire.tracingEnv" . | trim | nindent 2 }}
  {{- end }}
  {{- with .Values.analysis.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.analysis.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
# No probe: the supervisor in this container starts its child again, and a pod is ready only while all containers are.
# The hook lets the last answers be looked at: it waits for the traffic container's drain.
lifecycle:
  preStop:
    httpGet: {path: /drained, port: {{ .Values.traffic.healthPort }}}
resources:
  {{- toYaml .Values.analysis.resources | nindent 2 }}
securityContext:
  {{- include "groundwire.securityContext" . | nindent 2 }}
volumeMounts:
  - {name: groundwire-config, mountPath: /etc/groundwire, readOnly: true}
  - {name: groundwire-run, mountPath: /run/groundwire}
  - {name: groundwire-state, mountPath: /var/lib/groundwire}
  {{- if .Values.prompts.existingSecret }}
  - {name: groundwire-prompts, mountPath: /etc/groundwire-prompts, readOnly: true}
  {{- end }}
  {{- with .Values.analysis.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "groundwire.volumes" -}}
- name: groundwire-config
  configMap: {name: {{ include "groundwire.configMap" . }}}
# Sockets live in memory; what is written there counts against the containers' memory, and is bytes.
- name: groundwire-run
  emptyDir: {medium: Memory, sizeLimit: 16Mi}
- name: groundwire-state
  {{- if and (eq .Values.kind "gateway") .Values.persistence.enabled }}
  persistentVolumeClaim: {claimName: {{ .Values.persistence.existingClaim | default (include "groundwire.fullname" .) }}}
  {{- else }}
  emptyDir: {sizeLimit: {{ .Values.persistence.emptyDirSize }}}
  {{- end }}
{{- with .Values.traffic.tlsSecret }}
- name: groundwire-tls
  secret: {secretName: {{ . }}, defaultMode: 0444}
{{- end }}
{{- with .Values.prompts.existingSecret }}
- name: groundwire-prompts
  secret: {secretName: {{ . }}, defaultMode: 0444}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Settings in the file that only a new process takes: their change must roll the pods. */}}
{{- define "groundwire.podAnnotations" -}}
groundwire/restart: {{ pick .Values.settings "link" "pane_s" "analysis" "store" | toJson | sha256sum | trunc 16 | quote }}
{{- end -}}
