{{/*
For the charts of applications: put Groundwire into a pod. The context is this chart's, as its parent sees it:
  {{- $gw := .Subcharts.groundwire }}
  initContainers: {{- include "groundwire.sidecar.initContainers" $gw | nindent 8 }}
  containers:     {{- include "groundwire.sidecar.containers" $gw | nindent 8 }}
  volumes:        {{- include "groundwire.sidecar.volumes" $gw | nindent 8 }}
and, with the model server's container, `lifecycle: {{ include "groundwire.sidecar.modelLifecycle" $gw }}`.
helm/examples/vllm does so; docs/install/kubernetes.md explains it.
*/}}

{{/* Where sidecars are native: the traffic container, before all others. Else nothing. */}}
{{- define "groundwire.sidecar.initContainers" -}}
{{- include "groundwire.check" . -}}
{{- if .Values.sidecar.native -}}
- restartPolicy: Always
  {{- include "groundwire.trafficContainer" . | nindent 2 }}
{{- end -}}
{{- end -}}

{{/* The containers beside the model server's. */}}
{{- define "groundwire.sidecar.containers" -}}
{{- include "groundwire.check" . -}}
{{- if not .Values.sidecar.native -}}
- {{- include "groundwire.trafficContainer" . | nindent 2 }}
{{ end -}}
- {{- include "groundwire.analysisContainer" . | nindent 2 }}
{{- end -}}

{{- define "groundwire.sidecar.volumes" -}}
{{- include "groundwire.volumes" . -}}
{{- end -}}

{{/* Labels of the pod, by which monitors and policies find it. */}}
{{- define "groundwire.sidecar.podLabels" -}}
{{- include "groundwire.podLabels" . -}}
{{- end -}}

{{- define "groundwire.sidecar.podAnnotations" -}}
{{- include "groundwire.podAnnotations" . -}}
{{- end -}}

{{/* The model server's lifecycle: it is not told to stop before the last stream through Groundwire has ended. */}}
{{- define "groundwire.sidecar.modelLifecycle" -}}
preStop:
  httpGet: {path: /drained, port: {{ .Values.traffic.healthPort }}}
{{- end -}}

{{/* The least terminationGracePeriodSeconds of the pod: the drain, and time for the model server to stop. */}}
{{- define "groundwire.sidecar.terminationGracePeriodSeconds" -}}
{{- add (int .Values.drain.delaySeconds) (int .Values.drain.graceSeconds) 30 -}}
{{- end -}}

{{/*
What the application's Service points at: `targetPort`. A number: before Kubernetes 1.32 a Service does not find the named
ports of native sidecars, and would have no endpoints. Injection, which needs a newer one, takes the name.
*/}}
{{- define "groundwire.sidecar.targetPort" -}}
{{ ternary "gw-data" (.Values.traffic.port | toString) .Values.injection.enabled }}
{{- end -}}
